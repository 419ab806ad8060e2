import { ActionIcon, Kbd } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { IconLogout, IconMenu2, IconSearch, IconX } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Outlet } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useState } from 'react';
import { ColorSchemeToggle } from '@/app/color-scheme-toggle';
import { FreshnessPill } from '@/app/freshness-pill';
import { Navigation } from '@/app/navigation';
import { meQuery, useLogout } from '@/app/session';
import { SignedOut } from '@/app/signed-out';
import { startLiveUpdates } from '@/lib/live-updates';
import { isSignedOut } from '@/lib/query-client';
import classes from './shell.module.css';

const JumpToTutor = lazy(() => import('@/app/jump-to-tutor'));

export function Shell() {
  const me = useQuery(meQuery);
  if (isSignedOut(me.error)) return <SignedOut onRetry={() => void me.refetch()} />;
  return <SignedIn principal={me.data?.principal} />;
}

function SignedIn({ principal }: { principal: string | undefined }) {
  useLiveUpdates(principal !== undefined);
  const [menuOpen, setMenuOpen] = useState(false);
  const [jumping, setJumping] = useState(false);
  useHotkeys(
    [
      ['mod+K', () => setJumping((open) => !open)],
      ['Escape', () => setMenuOpen(false)],
    ],
    [],
  );
  return (
    <div className={classes.shell}>
      <a className={classes.skip} href="#content">
        Skip to content
      </a>
      <header className={classes.side} data-open={menuOpen || undefined}>
        <div className={classes.brand}>
          <img src="/favicon.svg" alt="" width={20} height={20} />
          <span>Tutor Quality</span>
          <ActionIcon
            className={classes.menuButton}
            variant="subtle"
            color="gray"
            aria-label={menuOpen ? 'Close menu' : 'Open menu'}
            aria-expanded={menuOpen}
            onClick={() => setMenuOpen((open) => !open)}
          >
            {menuOpen ? <IconX size={18} aria-hidden /> : <IconMenu2 size={18} aria-hidden />}
          </ActionIcon>
        </div>
        <FreshnessPill />
        <div className={classes.menu}>
          <button type="button" className={classes.jump} onClick={() => setJumping(true)}>
            <IconSearch size={15} stroke={1.8} aria-hidden />
            <span>Jump to tutor</span>
            <Kbd size="xs">Ctrl K</Kbd>
          </button>
          <Navigation onNavigate={() => setMenuOpen(false)} />
          <Account principal={principal} />
        </div>
      </header>
      <main className={classes.content} id="content">
        <Outlet />
      </main>
      {jumping && (
        <Suspense>
          <JumpToTutor onClose={() => setJumping(false)} />
        </Suspense>
      )}
    </div>
  );
}

function Account({ principal }: { principal: string | undefined }) {
  const logout = useLogout();
  return (
    <div className={classes.account}>
      <span className={classes.principal} title={principal}>
        {principal}
      </span>
      <ColorSchemeToggle />
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label="Log out"
        title="Log out"
        loading={logout.isPending}
        onClick={() => logout.mutate()}
      >
        <IconLogout size={17} stroke={1.7} aria-hidden />
      </ActionIcon>
    </div>
  );
}

function useLiveUpdates(enabled: boolean): void {
  const client = useQueryClient();
  useEffect(() => (enabled ? startLiveUpdates(client) : undefined), [client, enabled]);
}
