// Figures as people read them. What is cut off is cut off downward, as the pile does.

import { currencyDecimals } from './wasm/phone_wasm';
import type { WallTime } from './link/messages';
import { lang, w } from './words';

const locale = (): string => (lang.value === 'zh' ? 'zh-CN' : 'en-GB');

/** Whole units and so many decimals of a number of small units, cut downward: exact, without rounding. */
function cut(value: number, unit: number, decimals: number): string {
  const step = unit / 10 ** decimals;
  const parts = Math.floor(value / step);
  const whole = Math.floor(parts / 10 ** decimals);
  const rest = String(parts % 10 ** decimals).padStart(decimals, '0');
  const grouped = whole.toLocaleString(locale());
  return decimals ? `${grouped}.${rest}` : grouped;
}

/** Milliwatt-hours as kilowatt-hours. */
export const kwh = (energy: number, decimals = 3): string => `${cut(energy, 1e6, decimals)} kWh`;
/** The same, of less than a kilowatt-hour in watt-hours: for what is being drawn. */
export const drawn = (energy: number): string => (energy < 1e6 ? `${cut(energy, 1000, 1)} Wh` : kwh(energy));
/** Milliwatts as watts. */
export const watts = (power: number): string => `${cut(power, 1000, 0)} W`;

const SIGNS: Record<string, string> = { CNY: '¥', EUR: '€', USD: '$', GBP: '£', JPY: '¥' };
/** As the pile has them, by ISO 4217: what a browser knows of them is what people write. */
const decimalsOf = (currency: string): number => currencyDecimals(currency);

/** Millionths of a currency, with the decimals of its minor unit or so many. */
export function money(micros: number, currency: string, decimals = decimalsOf(currency)): string {
  const amount = cut(Math.abs(micros), 1e6, decimals);
  const sign = SIGNS[currency];
  return `${micros < 0 ? '−' : ''}${sign ? sign + amount : `${amount} ${currency}`}`;
}
/** What is being spent: with more decimals while it is little. */
export const spent = (micros: number, currency: string): string =>
  money(micros, currency, decimalsOf(currency) + (micros < 1e6 ? 2 : 0));
/** A price: as many decimals as it has, at least two. */
export function price(micros: number, currency: string): string {
  const text = cut(micros, 1e6, 6).replace(/0{1,4}$/, '');
  return `${SIGNS[currency] ?? ''}${text}${SIGNS[currency] ? '' : ` ${currency}`}`;
}

/** Local time at the pile. */
function at(unix: number, offset: number | undefined, options: Intl.DateTimeFormatOptions): string {
  if (offset === undefined) return new Date(unix * 1000).toLocaleString(locale(), options);
  return new Date((unix + offset * 60) * 1000).toLocaleString(locale(), { ...options, timeZone: 'UTC' });
}
export const day = (unix: number, offset?: number): string =>
  at(unix, offset, { weekday: 'short', day: 'numeric', month: 'short' });
export const time = (unix: number, offset?: number): string => at(unix, offset, { hour: '2-digit', minute: '2-digit' });
export const dateTime = (unix: number, offset?: number): string =>
  at(unix, offset, { ...(isThisYear(unix) ? {} : { year: 'numeric' }), day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
const isThisYear = (unix: number): boolean => new Date(unix * 1000).getUTCFullYear() === new Date().getUTCFullYear();
export const date = (unix: number, offset?: number): string => at(unix, offset, { day: 'numeric', month: 'long', year: 'numeric' });
export const month = (unix: number, offset?: number): string => at(unix, offset, { month: 'long', year: 'numeric' });

/** A moment by the pile's clock; nothing where it had none. */
const dated = (at: WallTime): boolean => at.quality !== 'Unknown' && at.quality !== 'Relative';
export const wall = (at: WallTime, offset?: number): string => (dated(at) ? dateTime(at.unix, offset) : w().undated);
export const wallMonth = (at: WallTime, offset?: number): string => (dated(at) ? month(at.unix, offset) : w().undated);
/** The same for a table: ISO 8601, or nothing. */
export const wallIso = (at: WallTime): string => (dated(at) ? new Date(at.unix * 1000).toISOString() : '');

/** An offset from Greenwich, in minutes. */
export const utc = (offset: number): string => {
  const [h, m] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
  return `UTC${offset < 0 ? '−' : '+'}${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`;
};

export function span(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  const [h, m] = [Math.floor(minutes / 60), minutes % 60];
  const zh = lang.value === 'zh';
  if (h === 0) return zh ? `${m}分钟` : `${m} min`;
  return zh ? `${h}小时${m ? `${m}分` : ''}` : `${h} h${m ? ` ${m} min` : ''}`;
}

/** A decimal with at most six places, in millionths; nothing where it is none, or where it may be a thousand as
 * well as one: `1,000`. */
export function millionths(text: string): number | undefined {
  const match = /^(\d{1,9})(?:[.,](\d{1,6}))?$/.exec(text.trim());
  if (/^[1-9]\d*,\d{3}$/.test(text.trim())) return undefined;
  return match ? Number(match[1]) * 1e6 + Number((match[2] ?? '').padEnd(6, '0')) : undefined;
}
export const decimal = (micros: number): string => cut(micros, 1e6, 6).replaceAll(',', '').replace(/\.?0+$/, '') || '0';
