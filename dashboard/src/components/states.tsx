import { Button, Skeleton } from '@mantine/core';
import { IconCircleCheck, IconPlugConnectedX } from '@tabler/icons-react';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import classes from './layout.module.css';

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={classes.message}>
      <IconCircleCheck size={20} stroke={1.5} aria-hidden />
      <div className={classes.messageTitle}>{title}</div>
      {children}
    </div>
  );
}

export function Failure({ error, onRetry }: { error: Error; onRetry: () => void }) {
  return (
    <div className={classes.message} role="alert">
      <IconPlugConnectedX size={20} stroke={1.5} aria-hidden />
      <div className={classes.messageTitle}>This could not be loaded</div>
      <div>{error.message}</div>
      <Button
        className={classes.messageAction}
        size="compact-sm"
        variant="default"
        onClick={onRetry}
      >
        Try again
      </Button>
    </div>
  );
}

interface LoadedProps<T> {
  query: UseQueryResult<T>;
  /** Height in pixels of what is to come, so that nothing jumps. */
  height: number;
  children: (data: T) => ReactNode;
}

/** Data once there is some, even if a later refresh failed: the freshness pill tells of that. */
export function Loaded<T>({ query, height, children }: LoadedProps<T>) {
  if (query.data !== undefined) return children(query.data);
  if (query.error) return <Failure error={query.error} onRetry={() => void query.refetch()} />;
  return <Skeleton height={height} radius="md" role="status" aria-label="Loading" />;
}
