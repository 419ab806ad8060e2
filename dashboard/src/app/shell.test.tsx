import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { expect, test } from 'vitest';
import { FakeEventSource } from '@/testing/fake-event-source';
import { anOverview } from '@/testing/fixtures';
import { openDashboard } from '@/testing/render';
import { NOW, server } from '@/testing/server';

function signOut() {
  server.use(http.all('/api/*', () => HttpResponse.json({ title: 'Log in' }, { status: 401 })));
}

test('without a session the page says how to log in, and opens no stream', async () => {
  signOut();
  openDashboard('/');
  expect(await screen.findByText('You are signed out')).toBeInTheDocument();
  expect(screen.getByText('tq login')).toBeInTheDocument();
  expect(FakeEventSource.opened).toHaveLength(0);
});

test('a login link that no longer works says so, unless somebody is signed in', async () => {
  window.history.replaceState(null, '', '/?link=spent');
  signOut();
  openDashboard('/');
  expect(await screen.findByText('This login link no longer works')).toBeInTheDocument();
  window.history.replaceState(null, '', '/');
});

test('a session that ends while the dashboard is open leads to the sign-in page', async () => {
  const { client } = openDashboard('/');
  await screen.findByText('Tutors at high risk');
  signOut();
  void client.invalidateQueries({ queryKey: ['overview'] });
  expect(await screen.findByText('You are signed out')).toBeInTheDocument();
});

test('an event of the stream brings new numbers to the screen', async () => {
  openDashboard('/');
  await screen.findByText('Tutors at high risk');
  await waitFor(() => expect(FakeEventSource.opened).toHaveLength(1));
  const changed = anOverview([], NOW);
  server.use(
    http.get('/api/overview', () =>
      HttpResponse.json({ ...changed, tutors: { ...changed.tutors, high: 777 } }),
    ),
  );
  FakeEventSource.latest().accept();
  FakeEventSource.latest().send('risk-changed', { tutor_id: 'anna' });
  expect(await screen.findByText('777')).toBeInTheDocument();
});

test('an empty house is calm: no tutor, no rate, nobody at risk', async () => {
  server.use(
    http.get('/api/overview', () =>
      HttpResponse.json({
        ...anOverview([], NOW),
        rates: { rate_7d: null, rate_30d: null, rate_90d: null },
        weekly: [],
        distribution: [],
      }),
    ),
  );
  openDashboard('/');
  expect(await screen.findByText('Nobody entered high risk lately')).toBeInTheDocument();
  expect(screen.getByText('No sessions in these weeks')).toBeInTheDocument();
  expect(screen.getByText('No tutor has a rate yet')).toBeInTheDocument();
});

test('Ctrl-K jumps to a tutor by name', async () => {
  const user = userEvent.setup();
  const { router } = openDashboard('/pipeline');
  await screen.findByText('Records applied');
  await user.keyboard('{Control>}k{/Control}');
  await user.type(await screen.findByPlaceholderText('Name or id of a tutor'), 'ivo costa');
  await screen.findByText('Ivo Costa');
  await user.keyboard('{Enter}');
  await waitFor(() => expect(router.state.location.pathname).toMatch(/000028$/));
});

test('an unknown address leads back to the overview', async () => {
  openDashboard('/nowhere');
  expect(await screen.findByText('Go to the overview')).toBeInTheDocument();
});
