import { lazy, type ReactNode } from 'react';
import { ChartPanel } from '@/components/chart-panel';
import { ScrollTable } from '@/components/scroll-table';
import type { ReliabilityBin } from '@/lib/api-types';
import { formatCount, formatPercent } from '@/lib/format';

const CHART_HEIGHT = 280;
const ReliabilityCurve = lazy(() => import('./reliability-curve'));

interface ReliabilityProps {
  live: ReliabilityBin[];
  training: ReliabilityBin[];
  actions: ReactNode;
}

/** Of the sessions shown with 30%, are 30% moved? As a curve, and as numbers. */
export function Reliability({ live, training, actions }: ReliabilityProps) {
  const empty = live.length === 0 && training.length === 0;
  return (
    <ChartPanel
      title="Said and seen"
      note="Share predicted and share that came true, in 15 groups of equal size"
      nothing={empty && 'No prediction was judged yet'}
      height={CHART_HEIGHT}
      chart={<ReliabilityCurve live={live} training={training} height={CHART_HEIGHT} />}
      table={<ReliabilityTable bins={live.length > 0 ? live : training} />}
      actions={actions}
    />
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
