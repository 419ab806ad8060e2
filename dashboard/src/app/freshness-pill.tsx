import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { formatUtc } from '@/lib/format';
import { freshness } from '@/lib/freshness';
import { useLiveStatus } from '@/lib/live-status';
import { pipelineQuery } from '@/lib/pipeline-query';
import classes from './shell.module.css';

const LOOK_AGAIN_MS = 5_000;

export function FreshnessPill() {
  const { data, isError } = useQuery(pipelineQuery);
  const streaming = useLiveStatus() === 'open';
  const now = useNow(LOOK_AGAIN_MS);
  const { state, label, reason } = freshness({ pipeline: data, failed: isError, streaming, now });
  const asOf = data?.as_of ? ` Complete up to ${formatUtc(data.as_of)}.` : '';
  const alarming = state === 'stale' || state === 'away';
  return (
    <div className={classes.freshness} data-state={state} role="status" title={`${reason}${asOf}`}>
      <span className={classes.dot} aria-hidden />
      <span className={classes.freshnessLabel}>{label}</span>
      <span className={alarming ? classes.freshnessReason : 'visually-hidden'}>{reason}</span>
    </div>
  );
}

function useNow(everyMs: number): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
