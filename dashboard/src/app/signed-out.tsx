import { Button, Code } from '@mantine/core';
import { IconLogin2 } from '@tabler/icons-react';
import classes from './shell.module.css';

/** The API sends a browser here whose login link was used or is too old. */
const SPENT = 'spent';

export function SignedOut({ onRetry }: { onRetry: () => void }) {
  const spent = new URLSearchParams(window.location.search).get('link') === SPENT;
  return (
    <main className={classes.signedOut}>
      <IconLogin2 size={28} stroke={1.5} aria-hidden />
      <h1>{spent ? 'This login link no longer works' : 'You are signed out'}</h1>
      {spent ? (
        <p>
          Each link works once and for 15 minutes. Run <Code>tq login</Code> to get a new one.
        </p>
      ) : (
        <p>
          Open the login link that <Code>tq up</Code> printed, or run <Code>tq login</Code> to get a
          new one.
        </p>
      )}
      <Button variant="default" size="xs" onClick={onRetry}>
        I have signed in
      </Button>
    </main>
  );
}
