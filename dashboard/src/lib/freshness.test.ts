import { describe, expect, test } from 'vitest';
import type { Pipeline } from '@/lib/api-types';
import { freshness } from '@/lib/freshness';
import { aPipeline } from '@/testing/fixtures';
import { NOW } from '@/testing/server';

function judge(pipeline: Pipeline | undefined, options: { failed?: boolean; later?: number } = {}) {
  return freshness({
    pipeline,
    failed: options.failed ?? false,
    streaming: true,
    now: new Date(NOW + (options.later ?? 0) * 1_000),
  });
}

describe('freshness', () => {
  test('is live while the scores keep up with the clock', () => {
    expect(judge(aPipeline(NOW))).toMatchObject({ state: 'live', label: 'Live' });
  });

  test('turns stale after a minute without progress, and says why', () => {
    expect(judge(aPipeline(NOW), { later: 90 })).toMatchObject({
      state: 'stale',
      reason: 'No progress has been reported by the score stage.',
    });
  });

  test('names the partitions that are behind', () => {
    const pipeline = aPipeline(NOW);
    const partitions = pipeline.partitions.map((partition) =>
      partition.partition === 2 ? { ...partition, lag_seconds: 300 } : partition,
    );
    const { reason } = judge({ ...pipeline, partitions }, { later: 90 });
    expect(reason).toBe('The score stage is behind on partition 2.');
  });

  test('of a replay of old data is a calm date, however old', () => {
    const pipeline = aPipeline(Date.parse('2013-07-04T12:00:00Z'));
    const partitions = pipeline.partitions.map((partition) => ({ ...partition, live: false }));
    expect(judge({ ...pipeline, partitions })).toMatchObject({
      state: 'past',
      label: 'As of 4 Jul 2013',
    });
  });

  test('of live events beside recorded ones is the date of those, and no alarm', () => {
    const old = '2017-01-14T11:00:00Z';
    const pipeline = { ...aPipeline(NOW), as_of: old };
    const partitions = pipeline.partitions.map((partition, index) =>
      index === 0
        ? partition
        : { ...partition, live: false, lag_seconds: null, applied_until: old },
    );
    expect(judge({ ...pipeline, partitions })).toMatchObject({
      state: 'past',
      label: 'As of 14 Jan 2017',
    });
    expect(judge({ ...pipeline, partitions }, { later: 90 }).state).toBe('stale');
  });

  test('is unknown before the first event', () => {
    expect(judge({ ...aPipeline(NOW), as_of: null }).label).toBe('No data yet');
  });

  test('tells when the API does not answer, although old data is shown', () => {
    expect(judge(aPipeline(NOW), { failed: true })).toMatchObject({ state: 'away' });
  });
});
