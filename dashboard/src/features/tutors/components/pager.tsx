import { Button } from '@mantine/core';
import { PAGE_SIZE } from '@/features/tutors/tutor-search';
import { formatCount, plural } from '@/lib/format';
import classes from './tutors.module.css';

interface PagerProps {
  /** From 1. */
  page: number;
  total: number;
  onPage: (page: number) => void;
}

export function Pager({ page, total, onPage }: PagerProps) {
  const first = (page - 1) * PAGE_SIZE + 1;
  const last = Math.min(page * PAGE_SIZE, total);
  const range = `${formatCount(first)}–${formatCount(last)} of ${plural(total, 'tutor')}`;
  return (
    <nav className={classes.pager} aria-label="Pages of tutors">
      <span aria-live="polite">{range}</span>
      <Button.Group>
        <Button
          variant="default"
          size="compact-sm"
          disabled={page <= 1}
          onClick={() => onPage(page - 1)}
        >
          Previous
        </Button>
        <Button
          variant="default"
          size="compact-sm"
          disabled={last >= total}
          onClick={() => onPage(page + 1)}
        >
          Next
        </Button>
      </Button.Group>
    </nav>
  );
}
