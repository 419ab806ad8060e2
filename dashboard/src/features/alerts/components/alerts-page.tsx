import { Button, Alert as Notice, Skeleton, Switch } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Page } from '@/components/page';
import { Empty, Failure } from '@/components/states';
import table from '@/components/table.module.css';
import { useAcknowledgeAlert } from '@/features/alerts/api/acknowledge-alert';
import { type AlertSearch, alertsQuery } from '@/features/alerts/api/get-alerts';
import { AlertRow } from '@/features/alerts/components/alert-row';
import classes from './alerts.module.css';

export function AlertsPage() {
  const search = useSearch({ from: '/alerts' });
  const navigate = useNavigate({ from: '/alerts' });
  return (
    <Page
      title="Alerts"
      subtitle="What changed, and did anyone act?"
      actions={
        <Switch
          size="xs"
          label="Only open ones"
          checked={search.open ?? false}
          onChange={(event) =>
            void navigate({ search: event.currentTarget.checked ? { open: true } : {} })
          }
        />
      }
    >
      <AlertFeed search={search} />
    </Page>
  );
}

function AlertFeed({ search }: { search: AlertSearch }) {
  const query = useInfiniteQuery(alertsQuery(search));
  const acknowledge = useAcknowledgeAlert();
  if (query.data === undefined) {
    if (query.error) return <Failure error={query.error} onRetry={() => void query.refetch()} />;
    return <Skeleton height={480} radius="md" role="status" aria-label="Loading" />;
  }
  const alerts = query.data.pages.flatMap((page) => page.alerts);
  return (
    <>
      {acknowledge.error && (
        <Notice color="red" variant="outline" title="Not acknowledged" role="alert">
          {acknowledge.error.message}
        </Notice>
      )}
      <section className={classes.feed} aria-label="Alerts">
        {alerts.length === 0 ? (
          <Empty title={search.open ? 'No open alerts' : 'No alerts yet'} />
        ) : (
          <ul>
            {alerts.map((alert) => (
              <AlertRow
                key={alert.event_id}
                alert={alert}
                onAcknowledge={() => acknowledge.mutate(alert.event_id)}
              />
            ))}
          </ul>
        )}
        {query.hasNextPage && (
          <div className={table.more}>
            <Button
              variant="default"
              size="compact-sm"
              loading={query.isFetchingNextPage}
              onClick={() => void query.fetchNextPage()}
            >
              Load more
            </Button>
          </div>
        )}
      </section>
    </>
  );
}
