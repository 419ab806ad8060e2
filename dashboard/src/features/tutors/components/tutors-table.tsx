import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { createColumnHelper, tableFeatures, useTable } from '@tanstack/react-table';
import { type ReactNode, useRef } from 'react';
import { EvidenceWord, RiskBadge } from '@/components/risk';
import table from '@/components/table.module.css';
import { useRowKeys } from '@/features/tutors/components/use-row-keys';
import { shownLevel } from '@/features/tutors/shown-level';
import { SORTS, type Sort, sortOf, type TutorSearch } from '@/features/tutors/tutor-search';
import type { TutorSummary, Window } from '@/lib/api-types';
import { formatCount, formatPercent } from '@/lib/format';
import classes from './tutors.module.css';

// The API sorts and pages; the table library gives columns and rows.
const features = tableFeatures({});
const column = createColumnHelper<typeof features, TutorSummary>();

const columns = column.columns([
  column.accessor('name', {
    header: 'Tutor',
    cell: ({ row }) => (
      <Link
        to="/tutors/$tutorId"
        params={{ tutorId: row.original.id }}
        className={classes.name ?? ''}
        data-row-link
      >
        {row.original.name}
      </Link>
    ),
  }),
  column.accessor('risk_level', {
    header: 'Risk',
    cell: ({ row }) => <RiskBadge level={shownLevel(row.original)} />,
  }),
  column.accessor('evidence', {
    header: 'Evidence',
    cell: ({ row }) => <EvidenceWord evidence={row.original.evidence} />,
  }),
  ...(['7d', '30d', '90d'] as const).map((window) =>
    column.accessor(`reschedule_rate_${window}`, {
      header: `${window.slice(0, -1)} days`,
      cell: ({ row }) => <Rate tutor={row.original} window={window} />,
    }),
  ),
  column.accessor('total_sessions_30d', {
    header: 'Sessions, 30 d',
    cell: ({ row }) => formatCount(row.original.total_sessions_30d),
  }),
]);

const NUMERIC = new Set([
  'reschedule_rate_7d',
  'reschedule_rate_30d',
  'reschedule_rate_90d',
  'total_sessions_30d',
]);
const OPTIONAL_WHEN_NARROW = new Set([
  'evidence',
  'reschedule_rate_7d',
  'reschedule_rate_90d',
  'total_sessions_30d',
]);

interface TutorsTableProps {
  tutors: TutorSummary[];
  search: TutorSearch;
  onSort: (sort: Sort) => void;
}

export function TutorsTable({ tutors, search, onSort }: TutorsTableProps) {
  const model = useTable({ features, columns, data: tutors, getRowId: (tutor) => tutor.id });
  const body = useRef<HTMLTableSectionElement>(null);
  useRowKeys(body);
  return (
    <div className={table.scroll}>
      <table className={table.table}>
        <thead>
          {model.getHeaderGroups().map((group) => (
            <tr key={group.id}>
              {group.headers.map((header) => (
                <HeaderCell key={header.id} id={header.column.id} search={search} onSort={onSort}>
                  <model.FlexRender header={header} />
                </HeaderCell>
              ))}
            </tr>
          ))}
        </thead>
        <tbody ref={body} className={classes.rows}>
          {model.getRowModel().rows.map((row) => (
            <tr key={row.id}>
              {row.getAllCells().map((cell) => (
                <td key={cell.id} {...cellAttributes(cell.column.id)}>
                  <model.FlexRender cell={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface HeaderCellProps {
  id: string;
  search: TutorSearch;
  onSort: (sort: Sort) => void;
  children: ReactNode;
}

function HeaderCell({ id, search, onSort, children }: HeaderCellProps) {
  const sort = SORTS.find((candidate) => candidate === id);
  if (sort === undefined) {
    return (
      <th scope="col" {...cellAttributes(id)}>
        {children}
      </th>
    );
  }
  const current = sortOf(search);
  const active = current.sort === sort;
  const Arrow = current.order === 'asc' ? IconArrowUp : IconArrowDown;
  const ariaSort = current.order === 'asc' ? 'ascending' : 'descending';
  return (
    <th scope="col" aria-sort={active ? ariaSort : undefined} {...cellAttributes(id)}>
      <button type="button" className={classes.sort} onClick={() => onSort(sort)}>
        {children}
        <Arrow size={13} stroke={2} className={classes.arrow} data-active={active} aria-hidden />
      </button>
    </th>
  );
}

function cellAttributes(columnId: string) {
  return {
    'data-align': NUMERIC.has(columnId) ? 'right' : undefined,
    'data-optional': OPTIONAL_WHEN_NARROW.has(columnId) || undefined,
  };
}

function Rate({ tutor, window }: { tutor: TutorSummary; window: Window }) {
  const moved = tutor[`tutor_reschedules_${window}`];
  const total = tutor[`total_sessions_${window}`];
  return (
    <span className={classes.rate} title={`${moved} of ${total} sessions`}>
      {formatPercent(tutor[`reschedule_rate_${window}`])}
    </span>
  );
}
