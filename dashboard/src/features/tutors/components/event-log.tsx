import { Button, Skeleton } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Panel } from '@/components/panel';
import { ScrollTable } from '@/components/scroll-table';
import { Empty, Failure } from '@/components/states';
import table from '@/components/table.module.css';
import { Time } from '@/components/time';
import { tutorEventsQuery } from '@/features/tutors/api/get-tutor-events';
import type { SessionEvent } from '@/lib/api-types';
import { codeWords } from '@/lib/format';

export function EventLog({ tutorId }: { tutorId: string }) {
  const query = useInfiniteQuery(tutorEventsQuery(tutorId));
  const events = query.data?.pages.flatMap((page) => page.events);
  return (
    <Panel title="Events" note="Every fact that was received, newest first" flush>
      {events === undefined ? (
        query.error ? (
          <Failure error={query.error} onRetry={() => void query.refetch()} />
        ) : (
          <Skeleton height={280} role="status" aria-label="Loading" />
        )
      ) : events.length === 0 ? (
        <Empty title="No events" />
      ) : (
        <EventTable events={events} />
      )}
      {query.hasNextPage && (
        <div className={table.more}>
          <Button
            variant="default"
            size="compact-sm"
            loading={query.isFetchingNextPage}
            onClick={() => void query.fetchNextPage()}
          >
            Load more
          </Button>
        </div>
      )}
    </Panel>
  );
}

function EventTable({ events }: { events: SessionEvent[] }) {
  return (
    <ScrollTable label="Events">
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">What</th>
          <th scope="col" data-optional>
            Session at
          </th>
          <th scope="col" data-optional>
            Student
          </th>
        </tr>
      </thead>
      <tbody>
        {events.map((event) => (
          <tr key={event.event_id}>
            <td>
              <Time value={event.occurred_at} />
            </td>
            <td data-wrap>{whatHappened(event)}</td>
            <td data-optional>
              <Time value={event.scheduled_start} />
            </td>
            <td data-optional className={table.clipped} title={event.student_id}>
              {event.student_id}
            </td>
          </tr>
        ))}
      </tbody>
    </ScrollTable>
  );
}

function whatHappened(event: SessionEvent): string {
  const what = codeWords(event.event_type);
  const by = event.initiator ? ` by ${event.initiator}` : '';
  const why = event.reason_code ? `, ${codeWords(event.reason_code).toLowerCase()}` : '';
  const rating = event.rating === null ? '' : `, rated ${event.rating} of 5`;
  return `${what}${by}${why}${rating}`;
}
