import { SegmentedControl } from '@mantine/core';
import { type ReactNode, Suspense, useState } from 'react';
import classes from './layout.module.css';
import { Panel } from './panel';
import { Empty } from './states';

interface ChartPanelProps {
  title: string;
  note: ReactNode;
  /** Said instead of the chart when there is nothing to show. */
  nothing: string | false;
  /** Of the chart, kept while it loads. */
  height: number;
  chart: ReactNode;
  table: ReactNode;
  actions?: ReactNode;
  className?: string | undefined;
}

/** A chart; the same numbers as a table for those who prefer it. */
export function ChartPanel(props: ChartPanelProps) {
  const { title, note, nothing, height, chart, table, actions, className } = props;
  const [view, setView] = useState('Chart');
  const toggle = nothing === false && (
    <SegmentedControl
      size="xs"
      data={['Chart', 'Table']}
      value={view}
      onChange={setView}
      aria-label="Show as"
    />
  );
  return (
    <Panel
      title={title}
      note={note}
      className={className}
      actions={
        <div className={classes.panelActions}>
          {actions}
          {toggle}
        </div>
      }
    >
      {nothing !== false ? (
        <Empty title={nothing} />
      ) : view === 'Chart' ? (
        <Suspense fallback={<div style={{ height }} />}>{chart}</Suspense>
      ) : (
        table
      )}
    </Panel>
  );
}
