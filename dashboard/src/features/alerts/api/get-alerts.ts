import { infiniteQueryOptions } from '@tanstack/react-query';
import { api } from '@/config/paths';
import { getJson } from '@/lib/api-client';
import type { AlertPage } from '@/lib/api-types';
import { keys } from '@/lib/query-keys';

const PAGE_SIZE = 50;

export const alertsQuery = infiniteQueryOptions({
  queryKey: keys.alerts,
  queryFn: ({ pageParam, signal }) =>
    getJson<AlertPage>(api.alerts, {
      parameters: { limit: PAGE_SIZE, cursor: pageParam },
      signal,
    }),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.next_cursor ?? undefined,
});
