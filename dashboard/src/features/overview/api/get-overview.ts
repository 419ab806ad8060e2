import { queryOptions } from '@tanstack/react-query';
import { api } from '@/config/paths';
import { getJson } from '@/lib/api-client';
import type { Overview } from '@/lib/api-types';
import { keys } from '@/lib/query-keys';

export const overviewQuery = queryOptions({
  queryKey: keys.overview,
  queryFn: ({ signal }) => getJson<Overview>(api.overview, { signal }),
});
