/** Shows that something goes on. The text beside it says what. */
export function Spinner() {
  return <span class="spinner" aria-hidden="true" />;
}
