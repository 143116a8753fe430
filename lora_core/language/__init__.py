"""A Llama-shaped language model: the network, its files, its tokens and its chat format.

What `pip install ".[language]"` adds is needed here: gguf, tokenizers, jinja2, platformdirs, tqdm.
"""
