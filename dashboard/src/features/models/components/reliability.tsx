import { SegmentedControl } from '@mantine/core';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { Panel } from '@/components/panel';
import { ScrollTable } from '@/components/scroll-table';
import { Empty } from '@/components/states';
import type { ReliabilityBin } from '@/lib/api-types';
import { formatCount, formatPercent } from '@/lib/format';
import classes from './models.module.css';

const CHART_HEIGHT = 280;
const ReliabilityCurve = lazy(() => import('./reliability-curve'));

interface ReliabilityProps {
  live: ReliabilityBin[];
  training: ReliabilityBin[];
  actions: ReactNode;
}

/** Of the sessions shown with 30%, are 30% moved? As a curve, and as numbers. */
export function Reliability({ live, training, actions }: ReliabilityProps) {
  const [view, setView] = useState('Chart');
  const empty = live.length === 0 && training.length === 0;
  return (
    <Panel
      title="Said and seen"
      note="Share predicted and share that came true, in 15 groups of equal size"
      actions={
        <div className={classes.actions}>
          {actions}
          {!empty && (
            <SegmentedControl
              size="xs"
              data={['Chart', 'Table']}
              value={view}
              onChange={setView}
              aria-label="Show as"
            />
          )}
        </div>
      }
    >
      {empty ? (
        <Empty title="No prediction was judged yet" />
      ) : view === 'Chart' ? (
        <Suspense fallback={<div style={{ height: CHART_HEIGHT }} />}>
          <ReliabilityCurve live={live} training={training} height={CHART_HEIGHT} />
        </Suspense>
      ) : (
        <ReliabilityTable bins={live.length > 0 ? live : training} />
      )}
    </Panel>
  );
}

function ReliabilityTable({ bins }: { bins: ReliabilityBin[] }) {
  return (
    <ScrollTable label="Groups of predictions">
      <thead>
        <tr>
          <th scope="col" data-align="right">
            Predicted
          </th>
          <th scope="col" data-align="right">
            Observed
          </th>
          <th scope="col" data-align="right">
            Predictions
          </th>
        </tr>
      </thead>
      <tbody>
        {bins.map((bin) => (
          <tr key={bin.predicted}>
            <td data-align="right">{formatPercent(100 * bin.predicted)}</td>
            <td data-align="right">{formatPercent(100 * bin.observed)}</td>
            <td data-align="right">{formatCount(bin.n)}</td>
          </tr>
        ))}
      </tbody>
    </ScrollTable>
  );
}
