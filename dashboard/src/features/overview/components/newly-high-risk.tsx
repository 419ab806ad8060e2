import { Link } from '@tanstack/react-router';
import { Panel } from '@/components/panel';
import { EvidenceWord } from '@/components/risk';
import { Empty } from '@/components/states';
import { Time } from '@/components/time';
import type { NewlyHighRisk } from '@/lib/api-types';
import { formatPercent } from '@/lib/format';
import classes from './overview.module.css';

const RATES = {
  '7d': ['reschedule_rate_7d', '7 days'],
  '30d': ['reschedule_rate_30d', '30 days'],
  '90d': ['reschedule_rate_90d', '90 days'],
} as const;

/** The shortest window that flags: it is the one that changed last, and the rate to look at. */
function flaggingRate(tutor: NewlyHighRisk): string {
  const window = (Object.keys(RATES) as (keyof typeof RATES)[]).find((name) =>
    tutor.reasons.includes(name),
  );
  const [field, words] = RATES[window ?? '30d'];
  return `${formatPercent(tutor[field])} in ${words}`;
}

export function NewlyHighRiskList({ tutors }: { tutors: NewlyHighRisk[] }) {
  return (
    <Panel title="Newly at high risk" flush>
      {tutors.length === 0 ? (
        <Empty title="Nobody entered high risk lately" />
      ) : (
        <ul className={classes.newly}>
          {tutors.map((tutor) => (
            <li key={`${tutor.tutor_id} ${tutor.occurred_at}`}>
              <Link
                to="/tutors/$tutorId"
                params={{ tutorId: tutor.tutor_id }}
                className={classes.newlyRow ?? ''}
              >
                <span className={classes.newlyName}>{tutor.name}</span>
                <span className={classes.newlyRate}>{flaggingRate(tutor)}</span>
                <span className={classes.newlyNote}>
                  <Time value={tutor.occurred_at} />
                </span>
                <span className={classes.newlyNote}>
                  <EvidenceWord evidence={tutor.evidence} />
                </span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
