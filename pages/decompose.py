"""One matrix said with less, in five ways, at a rank under the reader's hand."""

from web.decompose.page import decompose_page

decompose_page()
