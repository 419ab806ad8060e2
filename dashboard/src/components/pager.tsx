import { Button } from '@mantine/core';
import { formatCount, plural } from '@/lib/format';
import classes from './pager.module.css';

interface PagerProps {
  /** From 1. */
  page: number;
  size: number;
  total: number;
  /** What is listed, in the singular. */
  noun: string;
  onPage: (page: number) => void;
}

export function Pager({ page, size, total, noun, onPage }: PagerProps) {
  const first = (page - 1) * size + 1;
  const last = Math.min(page * size, total);
  const range = `${formatCount(first)}–${formatCount(last)} of ${plural(total, noun)}`;
  return (
    <nav className={classes.pager} aria-label={`Pages of ${noun}s`}>
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
