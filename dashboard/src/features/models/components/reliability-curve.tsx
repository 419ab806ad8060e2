import '@mantine/charts/styles.layer.css';
import { LineChart } from '@mantine/charts';
import type { ReliabilityBin } from '@/lib/api-types';
import { formatPercent } from '@/lib/format';

/** New numbers arrive every minute: a chart that grows anew each time cannot be read. */
const STILL = { isAnimationActive: false };
const TENTH = 10;

interface CurveProps {
  live: ReliabilityBin[];
  training: ReliabilityBin[];
  height: number;
}

interface Point {
  /** Percent, like the others. */
  predicted: number;
  live?: number;
  training?: number;
  right?: number;
}

export default function ReliabilityCurve({ live, training, height }: CurveProps) {
  const points: Point[] = [
    ...live.map((bin) => ({ predicted: 100 * bin.predicted, live: 100 * bin.observed })),
    ...training.map((bin) => ({ predicted: 100 * bin.predicted, training: 100 * bin.observed })),
  ];
  const most = greatest(points);
  const data = [{ predicted: 0, right: 0 }, ...points, { predicted: most, right: most }].toSorted(
    (a, b) => a.predicted - b.predicted,
  );
  const axis = { type: 'number' as const, domain: [0, most], tickCount: 6 };
  return (
    <div role="img" aria-label={describe(live)}>
      <LineChart
        h={height}
        data={data}
        dataKey="predicted"
        series={[
          { name: 'right', label: 'Exactly right', color: 'var(--border-strong)' },
          { name: 'training', label: 'In training', color: 'var(--muted)' },
          { name: 'live', label: 'Live', color: 'var(--accent)' },
        ]}
        curveType="linear"
        connectNulls
        strokeWidth={2}
        dotProps={{ r: 2.5 }}
        withLegend
        withTooltip={false}
        gridColor="var(--border)"
        strokeDasharray="0"
        tickLine="none"
        xAxisProps={{ ...axis, tickFormatter: percent }}
        yAxisProps={{ ...axis, width: 40, tickMargin: 4, tickFormatter: percent }}
        lineProps={STILL}
      />
    </div>
  );
}

function percent(value: number): string {
  return formatPercent(value, 0);
}

/** The next full ten percent. */
function greatest(points: Point[]): number {
  const values = points.flatMap(({ predicted, live = 0, training = 0 }) => [
    predicted,
    live,
    training,
  ]);
  return Math.ceil(Math.max(TENTH, ...values) / TENTH) * TENTH;
}

function describe(live: ReliabilityBin[]): string {
  const gaps = live.map((bin) => Math.abs(bin.predicted - bin.observed));
  if (gaps.length === 0) return 'Reliability in training; nothing was judged live yet.';
  const largest = formatPercent(100 * Math.max(...gaps));
  return `Reliability of ${live.length} groups of predictions; the largest gap is ${largest}. The table shows every group.`;
}
