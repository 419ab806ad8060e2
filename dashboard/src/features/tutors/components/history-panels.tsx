import { useQuery } from '@tanstack/react-query';
import { Panel } from '@/components/panel';
import { Loaded } from '@/components/states';
import { WeeklyChart } from '@/components/weekly-chart';
import { HISTORY_DAYS, tutorHistoryQuery } from '@/features/tutors/api/get-tutor-history';
import { Reasons } from '@/features/tutors/components/reasons';
import { Reschedules } from '@/features/tutors/components/reschedules';
import classes from './tutor.module.css';

export function HistoryPanels({ tutorId, threshold }: { tutorId: string; threshold: number }) {
  const query = useQuery(tutorHistoryQuery(tutorId));
  return (
    <Loaded query={query} height={520}>
      {({ reschedules, trend }) => (
        <>
          <div className={classes.history}>
            <WeeklyChart weeks={trend.reschedule_rate_by_week} threshold={threshold} />
            <Panel title="Reasons the tutor gave" note={`Last ${HISTORY_DAYS} days`}>
              <Reasons reschedules={reschedules} />
            </Panel>
          </div>
          <Reschedules reschedules={reschedules} />
        </>
      )}
    </Loaded>
  );
}
