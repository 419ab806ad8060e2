import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { expect, test } from 'vitest';
import { openDashboard } from '@/testing/render';
import { server } from '@/testing/server';

async function rows(): Promise<HTMLElement[]> {
  const table = await screen.findByRole('table');
  return within(table).getAllByRole('row').slice(1);
}

test('the likeliest to be moved come first, fifty a page, with level and reasons', async () => {
  openDashboard('/upcoming');
  const [first] = await rows();
  expect(await rows()).toHaveLength(50);
  expect(first).toHaveTextContent('High');
  expect(first).toHaveTextContent('Tutor, past weeks: +1.40');
  expect(first).toHaveTextContent('Booked ahead: 30 h');
  expect(screen.getByText('1–50 of 180 sessions')).toBeInTheDocument();
});

test('filters land in the address and in the list', async () => {
  const { router } = openDashboard('/upcoming?page=2');
  await rows();
  await userEvent.click(screen.getByRole('radio', { name: 'Medium' }));
  await waitFor(() => expect(router.state.location.search).toEqual({ risk: 'medium' }));
  await userEvent.click(screen.getByRole('radio', { name: '14 days' }));
  await waitFor(() => expect(router.state.location.search).toEqual({ risk: 'medium', days: 14 }));
  await waitFor(async () => {
    for (const row of await rows()) expect(row).toHaveTextContent('Medium');
  });
});

test('a refresh shows the new prediction', async () => {
  openDashboard('/upcoming?sort=scheduled_time');
  const [first] = await rows();
  expect(first).not.toHaveTextContent('77%');
  await userEvent.click(within(first as HTMLElement).getByRole('button', { name: 'Predict anew' }));
  await waitFor(async () => expect((await rows())[0]).toHaveTextContent('77%'));
});

test('a refused refresh says why', async () => {
  server.use(
    http.post('/api/upcoming-sessions/:id/refresh', () =>
      HttpResponse.json({ detail: 'This session may only read.' }, { status: 403 }),
    ),
  );
  openDashboard('/upcoming');
  const [first] = await rows();
  await userEvent.click(within(first as HTMLElement).getByRole('button', { name: 'Predict anew' }));
  expect(
    await screen.findByRole('button', { name: 'Not refreshed: This session may only read.' }),
  ).toBeInTheDocument();
});

test('details show what the prediction follows from, and what is not known', async () => {
  openDashboard('/upcoming');
  const [first] = await rows();
  await userEvent.click(within(first as HTMLElement).getByRole('button', { name: 'Details' }));
  expect(await screen.findByText('Lost with this student')).toBeInTheDocument();
  expect(screen.getByText('not known')).toBeInTheDocument();
});
