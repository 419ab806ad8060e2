import { Link } from '@tanstack/react-router';
import { Panel } from '@/components/panel';
import { EvidenceWord } from '@/components/risk';
import { Empty } from '@/components/states';
import { Time } from '@/components/time';
import type { NewlyHighRisk } from '@/lib/api-types';
import { formatPercent } from '@/lib/format';
import classes from './overview.module.css';

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
                <span className={classes.newlyRate} title="Reschedule rate over 30 days, now">
                  {formatPercent(tutor.reschedule_rate_30d)}
                </span>
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
