import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Panel } from '@/components/panel';
import { RiskBadge } from '@/components/risk';
import { ScrollTable } from '@/components/scroll-table';
import { Empty, Loaded } from '@/components/states';
import { Time } from '@/components/time';
import { api } from '@/config/paths';
import { getJson } from '@/lib/api-client';
import type { UpcomingPage, UpcomingSession } from '@/lib/api-types';
import { formatShare } from '@/lib/format';
import { keys } from '@/lib/query-keys';

const SHOWN = 5;

/** The tutor's next sessions; all of them are on their own page. */
export function UpcomingPanel({ tutorId }: { tutorId: string }) {
  const parameters = { tutor_id: tutorId, days_ahead: 30, limit: SHOWN };
  const query = useQuery({
    queryKey: keys.upcomingList(parameters),
    queryFn: ({ signal }) => getJson<UpcomingPage>(api.upcoming, { parameters, signal }),
  });
  return (
    <Panel
      title="Next sessions"
      note="Probability that the tutor moves or cancels"
      actions={
        <Link to="/upcoming" search={{ tutor: tutorId, days: 30 }}>
          All
        </Link>
      }
      flush
    >
      <Loaded query={query} height={160}>
        {({ sessions }) =>
          sessions.length === 0 ? (
            <Empty title="Nothing booked" />
          ) : (
            <Sessions sessions={sessions} />
          )
        }
      </Loaded>
    </Panel>
  );
}

function Sessions({ sessions }: { sessions: UpcomingSession[] }) {
  return (
    <ScrollTable label="Next sessions">
      <tbody>
        {sessions.map((session) => (
          <tr key={`${session.id} ${session.scheduled_time}`}>
            <td>
              <Time value={session.scheduled_time} />
            </td>
            <td>{session.student_name ?? session.student_id}</td>
            <td data-align="right">{formatShare(session.reschedule_probability)}</td>
            <td>{session.risk_level && <RiskBadge level={session.risk_level} />}</td>
          </tr>
        ))}
      </tbody>
    </ScrollTable>
  );
}
