import { Button } from '@mantine/core';
import { type ErrorComponentProps, Link } from '@tanstack/react-router';
import { Page } from '@/components/page';

/** The error boundary of every page: the shell around it keeps working. */
export function Trouble({ error, reset }: ErrorComponentProps) {
  return (
    <Page title="This page ran into an error">
      <p role="alert">{error instanceof Error ? error.message : String(error)}</p>
      <div>
        <Button variant="default" size="xs" onClick={reset}>
          Show it again
        </Button>
      </div>
    </Page>
  );
}

export function NotFound() {
  return (
    <Page title="There is no such page">
      <p>
        <Link to="/">Go to the overview</Link>
      </p>
    </Page>
  );
}
