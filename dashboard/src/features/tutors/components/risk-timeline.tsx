import { IconAlertTriangleFilled, IconCircleCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Panel } from '@/components/panel';
import { Empty, Loaded } from '@/components/states';
import { Time } from '@/components/time';
import { riskTimelineQuery } from '@/features/tutors/api/get-risk-timeline';
import { type RiskChange, WINDOWS } from '@/lib/api-types';
import { evidenceWords, windowWords } from '@/lib/format';
import classes from './tutor.module.css';

export function RiskTimeline({ tutorId }: { tutorId: string }) {
  const query = useQuery(riskTimelineQuery(tutorId));
  return (
    <Panel title="Changes of risk" note="Each at the instant it became true" flush>
      <Loaded query={query} height={280}>
        {({ changes }) =>
          changes.length === 0 ? (
            <Empty title="Never at high risk" />
          ) : (
            <ol className={classes.timeline}>
              {changes.map((change) => (
                <Change key={change.event_id} change={change} />
              ))}
            </ol>
          )
        }
      </Loaded>
    </Panel>
  );
}

function Change({ change }: { change: RiskChange }) {
  const Icon = change.is_high_risk ? IconAlertTriangleFilled : IconCircleCheck;
  return (
    <li className={classes.change} data-high={change.is_high_risk || undefined}>
      <Icon size={15} stroke={1.8} aria-hidden />
      <div>
        <div className={classes.changeWord}>
          {change.is_high_risk
            ? `High risk, ${evidenceWords(change.evidence).toLowerCase()}`
            : 'No longer high risk'}
        </div>
        <div className={classes.changeNote}>
          <Time value={change.occurred_at} />
        </div>
        {WINDOWS.filter((window) => change.reasons.includes(window)).map((window) => (
          <div key={window} className={classes.changeNote}>
            {windowWords(window)}: {change[`tutor_reschedules_${window}`]} of{' '}
            {change[`total_sessions_${window}`]} sessions
          </div>
        ))}
      </div>
    </li>
  );
}
