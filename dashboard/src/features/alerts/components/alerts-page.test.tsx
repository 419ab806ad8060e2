import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { expect, test } from 'vitest';
import { openDashboard } from '@/testing/render';
import { server } from '@/testing/server';

async function firstAlert(): Promise<HTMLElement> {
  const feed = await screen.findByRole('region', { name: 'Alerts' });
  return within(feed).getAllByRole('listitem')[0] as HTMLElement;
}

test('acknowledging is shown at once', async () => {
  openDashboard('/alerts');
  await userEvent.click(within(await firstAlert()).getByRole('button', { name: /^Acknowledge/ }));
  expect(await firstAlert()).toHaveTextContent('Acknowledged');
});

test('a refused acknowledgement is taken back and explained', async () => {
  server.use(
    http.post('/api/alerts/:id/acknowledge', () =>
      HttpResponse.json({ detail: 'This session may only read.' }, { status: 403 }),
    ),
  );
  openDashboard('/alerts');
  await userEvent.click(within(await firstAlert()).getByRole('button', { name: /^Acknowledge/ }));
  expect(await screen.findByText('This session may only read.')).toBeInTheDocument();
  expect(await firstAlert()).not.toHaveTextContent('Acknowledged');
});

test('the switch leaves only alerts that nobody acknowledged', async () => {
  openDashboard('/alerts');
  await firstAlert();
  expect(screen.getAllByText('Acknowledged').length).toBeGreaterThan(0);
  await userEvent.click(screen.getByRole('switch', { name: 'Only open ones' }));
  await waitFor(() => expect(screen.queryByText('Acknowledged')).not.toBeInTheDocument());
  expect(await firstAlert()).toBeInTheDocument();
});
