// Shows a picture that the server has drawn: Streamlit's own HTML takes no SVG.

export default function ({ data, parentElement }) {
  parentElement.querySelector('div').innerHTML = data.svg
}
