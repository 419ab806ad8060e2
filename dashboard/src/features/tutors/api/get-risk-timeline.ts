import { queryOptions } from '@tanstack/react-query';
import { api } from '@/config/paths';
import { getJson } from '@/lib/api-client';
import type { RiskTimeline } from '@/lib/api-types';
import { keys } from '@/lib/query-keys';

export function riskTimelineQuery(id: string) {
  return queryOptions({
    queryKey: keys.tutorRiskTimeline(id),
    queryFn: ({ signal }) => getJson<RiskTimeline>(api.tutorRiskTimeline(id), { signal }),
  });
}
