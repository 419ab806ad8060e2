import { Anchor } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import layout from '@/components/layout.module.css';
import { Page } from '@/components/page';
import { Empty, Loaded } from '@/components/states';
import { Time } from '@/components/time';
import { api } from '@/config/paths';
import { modelQuery, modelsQuery } from '@/features/models/api/get-models';
import { Fates } from '@/features/models/components/fates';
import { LeadBands } from '@/features/models/components/lead-bands';
import { Reliability } from '@/features/models/components/reliability';
import { Shifts } from '@/features/models/components/shifts';
import { Summary } from '@/features/models/components/summary';
import { Trouble } from '@/features/models/components/trouble';
import { Changes, Versions } from '@/features/models/components/versions';
import { mainSource } from '@/features/models/model-words';
import type { ModelDetail, Models } from '@/lib/api-types';

const route = getRouteApi('/models');

export function ModelsPage() {
  const query = useQuery(modelsQuery);
  return (
    <Page title="Model health" subtitle={<Subtitle models={query.data} />}>
      <Loaded query={query} height={640}>
        {(models) => <Health models={models} />}
      </Loaded>
    </Page>
  );
}

function Subtitle({ models }: { models: Models | undefined }) {
  if (!models?.as_of) return 'Do the probabilities mean what they say?';
  return (
    <>
      Do the probabilities mean what they say? Sessions that began from{' '}
      <Time value={models.since} dateOnly /> to <Time value={models.as_of} />
    </>
  );
}

function Health({ models }: { models: Models }) {
  const { version = models.champion } = route.useSearch();
  const query = useQuery(modelQuery(version));
  return (
    <>
      <Trouble workers={models.workers} />
      <Loaded query={query} height={520}>
        {(detail) => (
          <>
            <Summary detail={detail} fallbackShare={models.fallback_share} />
            <Live detail={detail} />
          </>
        )}
      </Loaded>
      <div className={layout.columns}>
        <Versions models={models} shown={version} />
        <Changes changes={models.changes} />
      </div>
    </>
  );
}

function Live({ detail }: { detail: ModelDetail }) {
  const source = mainSource(detail.live);
  const found = source === undefined ? undefined : detail.live[source];
  return (
    <>
      <div className={layout.columns}>
        <Reliability
          live={found?.overall.reliability ?? []}
          training={detail.card?.test.reliability ?? []}
          actions={
            detail.card && (
              <Anchor size="sm" href={api.modelCard(detail.version)} target="_blank">
                Model card
              </Anchor>
            )
          }
        />
        {found ? <Fates live={detail.live} /> : <NothingYet />}
      </div>
      <div className={layout.columns}>
        <LeadBands live={found?.bands ?? {}} training={detail.card?.test.by_lead_band ?? {}} />
        <Shifts shifts={detail.shifts} />
      </div>
    </>
  );
}

function NothingYet() {
  return (
    <Empty title="No prediction of this version was judged yet">
      A prediction is judged once its session should have begun.
    </Empty>
  );
}
