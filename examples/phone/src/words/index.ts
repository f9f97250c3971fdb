// What the app says, in the language of who reads it.

import { computed, effect, signal } from '@preact/signals';
import { type Words, en } from './en';
import { zh } from './zh';

export type Lang = 'en' | 'zh';
const asked = new URLSearchParams(location.search).get('lang') ?? localStorage.getItem('lang') ?? navigator.language;
export const lang = signal<Lang>(asked.startsWith('zh') ? 'zh' : 'en');
const words = computed<Words>(() => (lang.value === 'zh' ? zh : en));
/** The words now; who reads them in a component is drawn again when the language changes. */
export const w = (): Words => words.value;
effect(() => {
  document.documentElement.lang = lang.value === 'zh' ? 'zh-CN' : 'en';
});
export const chooseLang = (to: Lang): void => {
  lang.value = to;
  localStorage.setItem('lang', to);
};

export type Theme = 'auto' | 'light' | 'dark';
const themed = new URLSearchParams(location.search).get('theme') ?? localStorage.getItem('theme');
export const theme = signal<Theme>(themed === 'light' || themed === 'dark' ? themed : 'auto');
effect(() => {
  if (theme.value === 'auto') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme.value;
});
export const chooseTheme = (to: Theme): void => {
  theme.value = to;
  localStorage.setItem('theme', to);
};
