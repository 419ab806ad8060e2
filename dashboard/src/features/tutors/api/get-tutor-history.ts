import { queryOptions } from '@tanstack/react-query';
import { api } from '@/config/paths';
import { getJson } from '@/lib/api-client';
import type { TutorHistory } from '@/lib/api-types';
import { keys } from '@/lib/query-keys';

export const HISTORY_DAYS = 180;
const parameters = { days: HISTORY_DAYS, limit: 200 };

export function tutorHistoryQuery(id: string) {
  return queryOptions({
    queryKey: keys.tutorHistory(id),
    queryFn: ({ signal }) => getJson<TutorHistory>(api.tutorHistory(id), { parameters, signal }),
  });
}
