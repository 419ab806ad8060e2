import { queryOptions } from '@tanstack/react-query';
import { api } from '@/config/paths';
import { getJson } from '@/lib/api-client';
import type { TutorDetail } from '@/lib/api-types';
import { keys } from '@/lib/query-keys';

export function tutorQuery(id: string) {
  return queryOptions({
    queryKey: keys.tutor(id),
    queryFn: ({ signal }) => getJson<TutorDetail>(api.tutor(id), { signal }),
  });
}
