// Signs, drawn with one stroke.

import type { JSX } from 'preact';

const PATHS = {
  bolt: 'M13 2 4 14h7l-1 8 9-12h-7z',
  list: 'M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c0-4 4-6 8-6s8 2 8 6',
  people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2 20c0-3.5 3.5-5.5 7-5.5s7 2 7 5.5M16 4.3a3.5 3.5 0 0 1 0 6.4M18 15c2.4.7 4 2.4 4 5',
  home: 'M4 11 12 4l8 7M6 10v10h12V10M10 20v-6h4v6',
  coins: 'M9 14a6 3 0 1 0 0-6 6 3 0 0 0 0 6zM3 11v4c0 1.7 2.7 3 6 3M15 11v1M21 13c0-1.7-2.7-3-6-3M9 17c0 1.7 2.7 3 6 3s6-1.3 6-3v-4c0 1.7-2.7 3-6 3s-6-1.3-6-3z',
  pile: 'M6 21V5a2 2 0 0 1 2-2h8a2 2 0 0 1 2 2v16M4 21h16M9 7h6v4H9zM12 14v3',
  next: 'm9 6 6 6-6 6', prev: 'm15 6-6 6 6 6', close: 'M6 6l12 12M18 6 6 18', check: 'm5 13 4 4L19 7', plus: 'M12 5v14M5 12h14',
  warn: 'M12 4 2.5 20h19zM12 10v4M12 17h.01',
  tap: 'M4 7h12v10H4zM4 10h12M19 8a6 6 0 0 1 0 8M21.5 6a9 9 0 0 1 0 12',
  scan: 'M4 8V5a1 1 0 0 1 1-1h3M16 4h3a1 1 0 0 1 1 1v3M20 16v3a1 1 0 0 1-1 1h-3M8 20H5a1 1 0 0 1-1-1v-3M4 12h16',
  type: 'M4 7h16v10H4zM7 10h.01M10 10h.01M13 10h.01M16 10h.01M8 14h8',
  seal: 'M12 3 5 6v5c0 5 3 8 7 10 4-2 7-5 7-10V6zM9 12l2 2 4-4',
  share: 'M12 15V4M8 7l4-4 4 4M5 12v7h14v-7', phone: 'M8 2h8a2 2 0 0 1 2 2v16a2 2 0 0 1-2 2H8a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2zM11 18h2',
  card: 'M3 6h18v12H3zM3 10h18M6 15h4', air: 'M7 7l10 10-5 4V3l5 4L7 17', stop: 'M7 7h10v10H7z', clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3 2',
  print: 'M7 9V3h10v6M7 18H4v-8h16v8h-3M7 14h10v7H7z', lost: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM5.6 5.6l12.8 12.8', edit: 'M4 20h4L19 9l-4-4L4 16zM13 7l4 4', book: 'M5 4h12a2 2 0 0 1 2 2v14H7a2 2 0 0 1-2-2zM5 18a2 2 0 0 1 2-2h12',
} as const;

export type IconName = keyof typeof PATHS;

export const Icon = (props: { name: IconName }): JSX.Element => (
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d={PATHS[props.name]} /></svg>
);
