import { infiniteQueryOptions } from '@tanstack/react-query';
import { api } from '@/config/paths';
import { getJson } from '@/lib/api-client';
import type { SessionEventPage } from '@/lib/api-types';
import { keys } from '@/lib/query-keys';

const PAGE_SIZE = 25;

export function tutorEventsQuery(id: string) {
  return infiniteQueryOptions({
    queryKey: keys.tutorEvents(id),
    queryFn: ({ pageParam, signal }) =>
      getJson<SessionEventPage>(api.tutorEvents(id), {
        parameters: { limit: PAGE_SIZE, cursor: pageParam },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
}
