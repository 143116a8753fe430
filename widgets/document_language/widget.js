// Streamlit fixes <html lang> to "en"; this keeps it at the reader's language and leaves the URL as it is.
export default function ({ data }) {
  document.documentElement.lang = data.language
}
