// Where the app is: the part after # in the address, so that the phone's back button works.

import { signal } from '@preact/signals';

const read = (): string[] => location.hash.replace(/^#\/?/, '').split('/').filter(Boolean);
export const place = signal<string[]>(read());
addEventListener('hashchange', () => {
  place.value = read();
  scrollTo(0, 0);
});
/** Goes to a place; `replace` leaves no way back to this one. */
export const go = (to: string, replace = false): void => {
  if (replace) {
    history.replaceState(null, '', `#/${to}`);
    place.value = read();
    scrollTo(0, 0);
  } else {
    location.hash = `#/${to}`;
  }
};
