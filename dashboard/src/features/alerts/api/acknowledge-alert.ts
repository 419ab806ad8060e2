import { type InfiniteData, useMutation, useQueryClient } from '@tanstack/react-query';
import { api } from '@/config/paths';
import { alertsQuery } from '@/features/alerts/api/get-alerts';
import { post } from '@/lib/api-client';
import type { AlertPage } from '@/lib/api-types';

type AlertPages = InfiniteData<AlertPage, unknown>;

/**
 * Shown as done at once, and taken back if the API refuses. Not fetched again on success: the API
 * may answer before the acknowledgement is in the table that it reads.
 */
export function useAcknowledgeAlert() {
  const client = useQueryClient();
  const { queryKey } = alertsQuery;
  return useMutation({
    mutationFn: (eventId: string) => post(api.acknowledgeAlert(eventId)),
    onMutate: async (eventId) => {
      await client.cancelQueries({ queryKey });
      const before = client.getQueryData(queryKey);
      const now = new Date().toISOString();
      client.setQueryData(queryKey, (pages) => pages && acknowledged(pages, eventId, now));
      return before;
    },
    onError: (_error, _eventId, before) => client.setQueryData(queryKey, before),
  });
}

function acknowledged(pages: AlertPages, eventId: string, at: string): AlertPages {
  return {
    ...pages,
    pages: pages.pages.map((page) => ({
      ...page,
      alerts: page.alerts.map((alert) =>
        alert.event_id === eventId ? { ...alert, acknowledged_at: at } : alert,
      ),
    })),
  };
}
