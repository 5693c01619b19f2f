"""The plant document: the configuration as one YAML file. docs/plant-document.md tells people how to use it.

How a document goes: source.py reads text into nodes, plan.py works out the plant as it will be section by section
(rows.py does the work for rows of a model), transfer.py writes it in one transaction. sections.py is the registry.
"""
