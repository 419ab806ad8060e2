import { createTheme } from '@mantine/core';

// Colours and type live in styles/theme.css: Mantine would inject them as a style element, which a
// strict content security policy forbids.
export const theme = createTheme({
  primaryColor: 'indigo',
  respectReducedMotion: true,
  cursorType: 'pointer',
});
