import { Time } from '@/components/time';
import type { TutorScores } from '@/lib/api-types';
import { evidenceSentence, windowList } from '@/lib/format';
import classes from './tutor.module.css';

/** Why the tutor is flagged, or not, in words. */
export function Verdict({ scores }: { scores: TutorScores }) {
  return (
    <p className={classes.verdict} data-level={scores.risk_level}>
      {verdict(scores)}
      {scores.next_change_at && (
        <span className={classes.next}>
          {' '}
          If nothing arrives, these numbers next change on <Time value={scores.next_change_at} />.
        </span>
      )}
    </p>
  );
}

function verdict(scores: TutorScores): string {
  const { risk_level, risk_threshold, reasons, evidence, total_sessions_90d } = scores;
  if (risk_level === null) return 'No session of this tutor has been seen yet.';
  if (total_sessions_90d === 0) return 'No session had an outcome in the last 90 days.';
  if (risk_level === 'low') return `All three rates are well below ${risk_threshold}%.`;
  if (risk_level === 'warning') return `No rate is above ${risk_threshold}%, but one is near it.`;
  const sentence = evidence ? ` ${evidenceSentence(evidence)}` : '';
  return `Above ${risk_threshold}% over ${windowList(reasons)}.${sentence}`;
}
