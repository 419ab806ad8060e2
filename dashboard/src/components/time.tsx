import { formatDate, formatDateTime, formatUtc, NO_DATA } from '@/lib/format';

interface TimeProps {
  value: string | null | undefined;
  dateOnly?: boolean;
}

/** In the viewer's zone; UTC on hover. */
export function Time({ value, dateOnly = false }: TimeProps) {
  if (value == null) return <span>{NO_DATA}</span>;
  return (
    <time dateTime={value} title={formatUtc(value)}>
      {dateOnly ? formatDate(value) : formatDateTime(value)}
    </time>
  );
}
