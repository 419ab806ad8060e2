import { queryOptions } from '@tanstack/react-query';
import { api } from '@/config/paths';
import { type UpcomingSearch, upcomingParameters } from '@/features/upcoming/upcoming-search';
import { getJson } from '@/lib/api-client';
import type { UpcomingPage } from '@/lib/api-types';
import { keys } from '@/lib/query-keys';

export function upcomingQuery(search: UpcomingSearch) {
  const parameters = upcomingParameters(search);
  return queryOptions({
    queryKey: keys.upcomingList(parameters),
    queryFn: ({ signal }) => getJson<UpcomingPage>(api.upcoming, { parameters, signal }),
  });
}
