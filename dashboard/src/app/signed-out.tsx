import { Button, Code } from '@mantine/core';
import { IconLogin2 } from '@tabler/icons-react';
import classes from './shell.module.css';

export function SignedOut({ onRetry }: { onRetry: () => void }) {
  return (
    <main className={classes.signedOut}>
      <IconLogin2 size={28} stroke={1.5} aria-hidden />
      <h1>You are signed out</h1>
      <p>
        Open the login link that <Code>tq up</Code> printed, or run <Code>tq login</Code> to get a
        new one.
      </p>
      <Button variant="default" size="xs" onClick={onRetry}>
        I have signed in
      </Button>
    </main>
  );
}
