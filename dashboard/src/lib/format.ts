import type { Evidence } from '@/lib/api-types';

export const NO_DATA = '–';

const LOCALE = 'en-GB';
const integer = new Intl.NumberFormat(LOCALE);
const dateTime = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium', timeStyle: 'short' });
const dateOnly = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium' });
const dayAndMonth = new Intl.DateTimeFormat(LOCALE, {
  day: 'numeric',
  month: 'short',
  timeZone: 'UTC',
});

/** `value` is in percent; null means no sessions, which is not 0%. */
export function formatPercent(value: number | null | undefined, decimals = 1): string {
  return value == null ? NO_DATA : `${value.toFixed(decimals)}%`;
}

/** `value` is a fraction; null means that nothing is known. */
export function formatShare(value: number | null | undefined): string {
  return formatPercent(value == null ? null : value * 100, 0);
}

export function formatCount(value: number | null | undefined): string {
  return value == null ? NO_DATA : integer.format(value);
}

export function formatDecimal(value: number | null | undefined, decimals: number): string {
  return value == null ? NO_DATA : value.toFixed(decimals);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${integer.format(count)} ${count === 1 ? one : many}`;
}

/** In the viewer's time zone. */
export function formatDateTime(iso: string): string {
  return dateTime.format(new Date(iso));
}

/** In the viewer's time zone. */
export function formatDate(iso: string): string {
  return dateOnly.format(new Date(iso));
}

export function formatUtc(iso: string): string {
  return `${new Date(iso).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** `isoDate` is a calendar day such as 2025-03-10, the same in every time zone. */
export function formatDay(isoDate: string): string {
  return dayAndMonth.format(new Date(`${isoDate.slice(0, 10)}T00:00:00Z`));
}

export function formatDuration(seconds: number | null): string {
  if (seconds === null) return NO_DATA;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return plural(Math.round(seconds / 86_400), 'day');
}

/** Notice that was given, in hours before the start; negative is after it. */
export function formatNotice(hours: number): string {
  return hours < 0 ? 'After the start' : formatDuration(hours * 3_600);
}

/** "30 days" for 30d. */
export function windowWords(window: string): string {
  return windowList([window]);
}

/** "7 and 30 days". */
export function windowList(windows: readonly string[]): string {
  const days = windows.map((window) => window.slice(0, -1));
  return `${new Intl.ListFormat(LOCALE).format(days)} days`;
}

const EVIDENCE_WORDS: Record<Evidence, string> = {
  insufficient: 'Few sessions',
  raw: 'May be chance',
  confirmed: 'Confirmed',
};

export function evidenceWords(evidence: Evidence | null): string {
  return evidence === null ? NO_DATA : EVIDENCE_WORDS[evidence];
}

const EVIDENCE_SENTENCES: Record<Evidence, string> = {
  insufficient: 'Fewer than 5 sessions in the window that flags: too few to judge.',
  raw: 'The rate is above the threshold, but not by so much that chance is ruled out.',
  confirmed: 'Enough sessions to be sure: chance alone would rarely do this.',
};

export function evidenceSentence(evidence: Evidence): string {
  return EVIDENCE_SENTENCES[evidence];
}

/** `reason_code` of an event, as words: tutor_illness becomes Tutor illness. */
export function codeWords(code: string): string {
  const words = code.replaceAll(/[_-]+/g, ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
