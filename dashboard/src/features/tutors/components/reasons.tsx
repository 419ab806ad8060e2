import { Empty } from '@/components/states';
import type { Reschedule } from '@/lib/api-types';
import { codeWords } from '@/lib/format';
import classes from './tutor.module.css';

export function Reasons({ reschedules }: { reschedules: Reschedule[] }) {
  const counts = reasonCounts(reschedules);
  const most = counts[0]?.count ?? 1;
  if (counts.length === 0) return <Empty title="The tutor moved no session" />;
  return (
    <ul className={classes.reasons}>
      {counts.map(({ reason, count }) => (
        <li key={reason} className={classes.reason}>
          <span className={classes.reasonWord}>{reason}</span>
          <span>{count}</span>
          <span className={classes.reasonBar} style={{ width: `${(count / most) * 100}%` }} />
        </li>
      ))}
    </ul>
  );
}

/** Of the tutor's own reschedules only, most frequent first. */
function reasonCounts(reschedules: Reschedule[]): { reason: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const { initiator, reason_code } of reschedules) {
    if (initiator !== 'tutor') continue;
    const reason = reason_code ? codeWords(reason_code) : 'Not given';
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return [...counts]
    .map(([reason, count]) => ({ reason, count }))
    .sort((a, b) => b.count - a.count);
}
