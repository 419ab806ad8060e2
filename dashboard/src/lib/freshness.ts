import type { Pipeline } from '@/lib/api-types';
import { formatDate, formatDuration } from '@/lib/format';

export const STALE_AFTER_SECONDS = 60;

/** live: keeps up with the clock; past: a replay of old data; stale, away: look at the reason. */
export interface Freshness {
  state: 'unknown' | 'live' | 'past' | 'stale' | 'away';
  label: string;
  reason: string;
}

export interface FreshnessInputs {
  pipeline: Pipeline | undefined;
  /** The last request for `pipeline` failed. */
  failed: boolean;
  streaming: boolean;
  now: Date;
}

export function freshness({ pipeline, failed, streaming, now }: FreshnessInputs): Freshness {
  if (failed) return { state: 'away', label: 'No answer', reason: awayReason(pipeline) };
  if (pipeline === undefined) return { state: 'unknown', label: 'Connecting', reason: 'Asking.' };
  const asOf = pipeline.as_of;
  if (asOf === null) {
    return { state: 'unknown', label: 'No data yet', reason: 'No event has been applied yet.' };
  }
  const past = { state: 'past', label: `As of ${formatDate(asOf)}` } as const;
  const live = pipeline.partitions.filter((partition) => partition.live);
  if (live.length === 0) return { ...past, reason: 'A replay of recorded events.' };
  const age = Math.max(...live.map((partition) => ageInSeconds(partition.applied_until, now)));
  if (age > STALE_AFTER_SECONDS) {
    const label = `${formatDuration(age)} behind`;
    return { state: 'stale', label, reason: staleReason(pipeline) };
  }
  if (live.length < pipeline.partitions.length) {
    return { ...past, reason: 'Some partitions have recorded events only.' };
  }
  const how = streaming
    ? 'Changes arrive as they happen.'
    : 'Polling every 30 s, the stream is down.';
  return { state: 'live', label: 'Live', reason: how };
}

export function isLive(pipeline: Pipeline): boolean {
  return pipeline.partitions.some((partition) => partition.live);
}

function ageInSeconds(iso: string, now: Date): number {
  return Math.max(0, (now.getTime() - new Date(iso).getTime()) / 1_000);
}

function awayReason(pipeline: Pipeline | undefined): string {
  const shown = pipeline?.as_of ? ` Shown: as of ${formatDate(pipeline.as_of)}.` : '';
  return `The API does not answer; asking again.${shown}`;
}

function staleReason(pipeline: Pipeline): string {
  const behind = pipeline.partitions.filter(
    (partition) => (partition.lag_seconds ?? 0) > STALE_AFTER_SECONDS,
  );
  if (behind.length === 0) return 'No progress has been reported by the score stage.';
  const names = behind.map((partition) => partition.partition).join(', ');
  return `The score stage is behind on partition ${names}.`;
}
