import { describe, expect, test } from 'vitest';
import {
  codeWords,
  formatDay,
  formatDuration,
  formatPercent,
  formatUtc,
  plural,
  windowList,
} from '@/lib/format';

describe('percent', () => {
  test('no sessions is a dash, never 0%', () => {
    expect(formatPercent(null)).toBe('–');
    expect(formatPercent(undefined)).toBe('–');
  });

  test('a measured zero is 0.0%', () => {
    expect(formatPercent(0)).toBe('0.0%');
  });

  test('the value is percent already and is not multiplied again', () => {
    expect(formatPercent(15.79)).toBe('15.8%');
    expect(formatPercent(15.79, 2)).toBe('15.79%');
    expect(formatPercent(100)).toBe('100.0%');
  });
});

test('a duration gets coarser as it grows', () => {
  expect(formatDuration(null)).toBe('–');
  expect(formatDuration(0.43)).toBe('0.4 s');
  expect(formatDuration(75)).toBe('75 s');
  expect(formatDuration(600)).toBe('10 min');
  expect(formatDuration(10_800)).toBe('3 h');
  expect(formatDuration(259_200)).toBe('3 days');
});

test('a calendar day is the same day in every time zone', () => {
  expect(formatDay('2025-03-10')).toBe('10 Mar');
});

test('UTC is written out to the second', () => {
  expect(formatUtc('2025-03-12T09:30:05.250+01:00')).toBe('2025-03-12 08:30:05 UTC');
});

test('one session, two sessions, 1,200 sessions', () => {
  expect([1, 2, 1_200].map((count) => plural(count, 'session'))).toEqual([
    '1 session',
    '2 sessions',
    '1,200 sessions',
  ]);
});

test('windows and codes become words', () => {
  expect(windowList(['7d', '30d'])).toBe('7 and 30 days');
  expect(windowList(['90d'])).toBe('90 days');
  expect(codeWords('schedule_conflict')).toBe('Schedule conflict');
});
