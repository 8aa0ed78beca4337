"""The modules of the client import each other in one direction."""

import grimp


def test_no_module_imports_itself_by_way_of_others():
    """The client's modules form no circle, those imported for their types alone included."""
    graph = grimp.build_graph("hopline", exclude_type_checking_imports=False, cache_dir=None)
    circles = [
        (importer, imported)
        for importer in sorted(graph.modules)
        for imported in graph.find_modules_directly_imported_by(importer)
        if importer != imported and graph.chain_exists(imported, importer)
    ]
    assert circles == []
