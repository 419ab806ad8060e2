import { IconAlertTriangleFilled, IconInfoCircle } from '@tabler/icons-react';
import type { TutorScores, Window } from '@/lib/api-types';
import { WINDOWS } from '@/lib/api-types';
import { formatPercent, plural, windowWords } from '@/lib/format';
import classes from './tutor.module.css';

/** Below it the domain calls the evidence insufficient. */
const ENOUGH_SESSIONS = 5;
/** Where the meter ends, as a multiple of the threshold. */
const METER_SPAN = 3;

export function WindowCards({ scores }: { scores: TutorScores }) {
  return (
    <ul className={classes.cards}>
      {WINDOWS.map((window) => (
        <WindowCard key={window} window={window} scores={scores} />
      ))}
    </ul>
  );
}

function WindowCard({ window, scores }: { window: Window; scores: TutorScores }) {
  const rate = scores[`reschedule_rate_${window}`];
  const total = scores[`total_sessions_${window}`];
  const moved = scores[`tutor_reschedules_${window}`];
  const threshold = scores.risk_threshold;
  return (
    <li className={classes.card}>
      <div className={classes.cardLabel}>Last {windowWords(window)}</div>
      <div className={classes.cardRate}>{formatPercent(rate, 2)}</div>
      <Meter rate={rate} threshold={threshold} />
      <div className={classes.cardCounts}>
        {total === 0
          ? 'No sessions'
          : `${moved} of ${plural(total, 'session')} moved or cancelled by the tutor`}
      </div>
      <Distance rate={rate} threshold={threshold} total={total} />
    </li>
  );
}

function Meter({ rate, threshold }: { rate: number | null; threshold: number }) {
  const end = threshold * METER_SPAN;
  const width = `${(Math.min(rate ?? 0, end) / end) * 100}%`;
  return (
    <div className={classes.meter} aria-hidden>
      <span
        className={classes.meterFill}
        data-above={(rate ?? 0) > threshold || undefined}
        style={{ width }}
      />
      <span className={classes.meterMark} />
    </div>
  );
}

interface DistanceProps {
  rate: number | null;
  threshold: number;
  total: number;
}

function Distance({ rate, threshold, total }: DistanceProps) {
  if (rate === null) return null;
  const points = Math.abs(rate - threshold).toFixed(2);
  return (
    <div className={classes.distance}>
      {rate > threshold ? (
        <span className={classes.above}>
          <IconAlertTriangleFilled size={13} aria-hidden /> {points} points above {threshold}%
        </span>
      ) : (
        <span>
          {points} points below {threshold}%
        </span>
      )}
      {total < ENOUGH_SESSIONS && (
        <span className={classes.few}>
          <IconInfoCircle size={13} aria-hidden /> too few to judge
        </span>
      )}
    </div>
  );
}
