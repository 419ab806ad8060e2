import { infiniteQueryOptions } from '@tanstack/react-query';
import { api } from '@/config/paths';
import { getJson } from '@/lib/api-client';
import type { AlertPage } from '@/lib/api-types';
import { keys } from '@/lib/query-keys';

const PAGE_SIZE = 50;

/** What the address of the alerts page holds. */
export interface AlertSearch {
  /** Only alerts that nobody has acknowledged. */
  open?: true;
}

export function parseAlertSearch(raw: Record<string, unknown>): AlertSearch {
  return raw.open === true || raw.open === 'true' ? { open: true } : {};
}

export function alertsQuery(search: AlertSearch) {
  const parameters = { limit: PAGE_SIZE, acknowledged: search.open && 'false' };
  return infiniteQueryOptions({
    queryKey: keys.alertList(parameters),
    queryFn: ({ pageParam, signal }) =>
      getJson<AlertPage>(api.alerts, { parameters: { ...parameters, cursor: pageParam }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
}
