import { useQuery } from '@tanstack/react-query';
import layout from '@/components/layout.module.css';
import { Page } from '@/components/page';
import { Panel } from '@/components/panel';
import { Empty, Loaded } from '@/components/states';
import table from '@/components/table.module.css';
import { Time } from '@/components/time';
import { Partitions } from '@/features/pipeline/components/partitions';
import { Sink } from '@/features/pipeline/components/sink';
import { Summary } from '@/features/pipeline/components/summary';
import type { Pipeline } from '@/lib/api-types';
import { codeWords, formatCount } from '@/lib/format';
import { pipelineQuery } from '@/lib/pipeline-query';

export function PipelinePage() {
  const query = useQuery(pipelineQuery);
  return (
    <Page title="Pipeline" subtitle={<Subtitle pipeline={query.data} />}>
      <Loaded query={query} height={480}>
        {(pipeline) => (
          <>
            <Summary pipeline={pipeline} />
            <div className={layout.columns}>
              <Partitions partitions={pipeline.partitions} />
              <DeadLetters byReason={pipeline.dead_letters.by_reason} />
            </div>
            <Sink positions={pipeline.sink} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Subtitle({ pipeline }: { pipeline: Pipeline | undefined }) {
  if (!pipeline?.as_of) return 'Is data flowing?';
  return (
    <>
      Is data flowing? Every score is complete up to <Time value={pipeline.as_of} />
    </>
  );
}

function DeadLetters({ byReason }: { byReason: Record<string, number> }) {
  const reasons = Object.entries(byReason).sort(([, a], [, b]) => b - a);
  return (
    <Panel title="Dead letters by reason" flush>
      {reasons.length === 0 ? (
        <Empty title="No record was refused" />
      ) : (
        <table className={table.table}>
          <tbody>
            {reasons.map(([reason, count]) => (
              <tr key={reason}>
                <td data-wrap>{codeWords(reason)}</td>
                <td data-align="right">{formatCount(count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
