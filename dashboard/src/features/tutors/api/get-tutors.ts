import { queryOptions } from '@tanstack/react-query';
import { api } from '@/config/paths';
import { filterParameters, pageParameters, type TutorSearch } from '@/features/tutors/tutor-search';
import { getJson, withParameters } from '@/lib/api-client';
import type { TutorPage } from '@/lib/api-types';
import { keys } from '@/lib/query-keys';

export function tutorsQuery(search: TutorSearch) {
  const parameters = { ...filterParameters(search), ...pageParameters(search) };
  return queryOptions({
    queryKey: keys.tutorList(parameters),
    queryFn: ({ signal }) => getJson<TutorPage>(api.tutors, { parameters, signal }),
  });
}

export function tutorsCsvLink(search: TutorSearch): string {
  return withParameters(api.tutors, { ...filterParameters(search), format: 'csv' });
}
