import { QueryClient } from '@tanstack/react-query';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isLive } from '@/lib/live-status';
import { REOPEN_MS, startLiveUpdates, THROTTLE_MS } from '@/lib/live-updates';
import { keys } from '@/lib/query-keys';
import { FakeEventSource } from '@/testing/fake-event-source';

const ANNA = 'anna';
const BEN = 'ben';
let client: QueryClient;
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  client = new QueryClient();
  for (const key of [keys.overview, keys.alerts, keys.pipeline, keys.tutor(ANNA), keys.tutor(BEN)])
    client.setQueryData(key, {});
  stop = startLiveUpdates(client);
  FakeEventSource.latest().accept();
});

afterEach(() => {
  stop();
  vi.useRealTimers();
});

function isOld(key: readonly unknown[]): boolean {
  return client.getQueryState(key)?.isInvalidated ?? false;
}

describe('live updates', () => {
  test('a score makes its own tutor and the overview old, and no other tutor', () => {
    FakeEventSource.latest().send('score', { tutor_id: ANNA });
    expect([isOld(keys.tutor(ANNA)), isOld(keys.overview)]).toEqual([true, true]);
    expect([isOld(keys.tutor(BEN)), isOld(keys.alerts)]).toEqual([false, false]);
  });

  test('an alert makes the alerts old, a pipeline event the pipeline', () => {
    FakeEventSource.latest().send('alert', { tutor_id: ANNA });
    expect(isOld(keys.alerts)).toBe(true);
    vi.advanceTimersByTime(THROTTLE_MS);
    expect(isOld(keys.pipeline)).toBe(false);
    FakeEventSource.latest().send('pipeline', {});
    expect(isOld(keys.pipeline)).toBe(true);
  });

  test('resync makes everything old: more was missed than the stream tells', () => {
    FakeEventSource.latest().send('resync', {});
    expect([keys.overview, keys.alerts, keys.pipeline, keys.tutor(BEN)].every(isOld)).toBe(true);
  });

  test('a burst is taken together: once at its start and once after the pause', () => {
    const invalidate = vi.spyOn(client, 'invalidateQueries');
    for (let i = 0; i < 500; i++) FakeEventSource.latest().send('alert', { tutor_id: ANNA });
    expect(invalidate).toHaveBeenCalledTimes(2);
    vi.advanceTimersByTime(THROTTLE_MS);
    expect(invalidate).toHaveBeenCalledTimes(4);
    vi.advanceTimersByTime(THROTTLE_MS * 5);
    expect(invalidate).toHaveBeenCalledTimes(4);
  });

  test('an answer that is under way is waited for, and then asked for again', async () => {
    const answers: (() => void)[] = [];
    const queryFn = vi.fn(() => new Promise<object>((done) => answers.push(() => done({}))));
    void client.fetchQuery({ queryKey: keys.alerts, queryFn });
    FakeEventSource.latest().send('alert', {});
    vi.advanceTimersByTime(THROTTLE_MS);
    expect(isOld(keys.alerts)).toBe(false);
    answers[0]?.();
    await vi.advanceTimersByTimeAsync(THROTTLE_MS);
    expect(isOld(keys.alerts)).toBe(true);
  });

  test('polling takes over while the stream is down, and everything is old when it is back', () => {
    expect(isLive()).toBe(true);
    FakeEventSource.latest().fail({ closed: false });
    expect(isLive()).toBe(false);
    FakeEventSource.latest().accept();
    expect([isLive(), isOld(keys.pipeline), isOld(keys.tutor(BEN))]).toEqual([true, true, true]);
  });

  test('a stream that the browser gave up is opened again', () => {
    FakeEventSource.latest().fail({ closed: true });
    expect(FakeEventSource.opened).toHaveLength(1);
    vi.advanceTimersByTime(REOPEN_MS);
    expect(FakeEventSource.opened).toHaveLength(2);
  });

  test('nothing is opened again after it was stopped', () => {
    FakeEventSource.latest().fail({ closed: true });
    stop();
    vi.advanceTimersByTime(REOPEN_MS * 2);
    expect(FakeEventSource.opened).toHaveLength(1);
  });
});
